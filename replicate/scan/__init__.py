"""Says what a column holds, from its name, its type, its comment and a sample of its values.

Pure: it knows no database, and what it answers holds no value.
"""
