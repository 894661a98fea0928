//! A partner's plugin: the default Dynamics mapping with one rule changed and one field added.
