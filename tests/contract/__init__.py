"""What was promised, whatever is sent."""
