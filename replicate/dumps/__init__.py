"""What a dump is: names, manifest, chunks, the catalog of a store, its keys. docs/format.md."""
