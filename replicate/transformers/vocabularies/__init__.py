"""Words to pick replacements from: our own lists, and those of Faker's locales."""
