"""Analytics: what happened over a range of time, what it cost, and what stands out."""
