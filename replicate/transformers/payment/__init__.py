"""Payment cards and bank accounts."""
