"""What people are called, and what they do."""
