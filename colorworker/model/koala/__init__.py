"""The report's own network: Deep Koalarization (Baldassarre 2017)."""
