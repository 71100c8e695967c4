"""Other people's tools on the optimal dispatch of the same windows."""
