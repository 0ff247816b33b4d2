"""Who made what, from what: the done-records on the store."""
