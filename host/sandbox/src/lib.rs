//! Partner Center and Dataverse on loopback, simulated faithfully enough for other people's clients.
