//! `automap`: names the service that caused an incident, with the evidence.

fn main() {}
