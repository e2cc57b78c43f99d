"""The gates, each around an application of three lines."""
