"""All cryptography: sealed objects, keys, keyed masking. Nothing else imports `cryptography`."""
