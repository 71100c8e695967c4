"""The community simulator against power-flow programs: the same decisions in OpenDSS and in power-grid-model."""
