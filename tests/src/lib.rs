//! End to end: journeys, kills, hot swap, real processes, tidy.
