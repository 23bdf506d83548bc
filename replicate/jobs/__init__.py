"""The journeys: create, restore, verify, clean up, and the looks a user takes before them.

Each module is one journey, read from top to bottom. Only here do databases, transformers, dumps
and datastores meet; the command line above only asks for a journey and shows what came of it.
"""
