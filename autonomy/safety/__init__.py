"""The safety report: claims with their verdicts, the evidence for them, and a checker that shares no code with it."""
