"""Where people live: addresses and their parts."""
