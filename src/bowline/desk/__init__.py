"""The desk: what a person may do, once, for every face."""
