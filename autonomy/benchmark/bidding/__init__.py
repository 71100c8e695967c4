"""`autonomy benchmark bidding`: where bids lie, what clears, and what anybody could gain by bidding otherwise."""
