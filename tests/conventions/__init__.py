"""What app/conventions promises: the table, what it says of a batch, and who is named beside a variant."""
