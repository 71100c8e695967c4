"""Other people's simulators and what plays a community in them; their libraries come with the extra `[hosts]`."""
