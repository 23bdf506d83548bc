"""Where the demo keeps what it makes, and its conf.yaml, commented for a first reader."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

_TEMPLATE = """\
# What `replicate demo` made: a shop's database, masked for its developers.
# `replicate config check` checks this file, `replicate transformer list` tells what there is,
# `replicate dump preview` shows what it does.

# The passphrase of the dumps. A real one has no default: encryption_key: $REPLICATE_KEY
encryption_key: ${REPLICATE_DEMO_KEY:-correct horse battery staple}

# With a key of its own, masking gives the same replacements in every dump: today's `Ada` is
# tomorrow's `Ada`. Without one, each dump has its own. Whoever knows it can try out guesses.
masking_key: ${REPLICATE_DEMO_MASKING_KEY:-another horse another staple}

source:
  connection_uri: {production}
  transformers:
    - database: main
      table: customers
      columns:
        - name: first_name
          transformer_name: first-name
        - name: last_name
          transformer_name: last-name
        # Stays unique, and is the same wherever the same address stands. The orders refer to it by
        # a foreign key: their column is masked with this one.
        - name: email
          transformer_name: email
        - name: phone
          transformer_name: phone-number
        - name: birth_date
          transformer_name: date-shift
          transformer_options:
            days: 400
        - name: street
          transformer_name: street
        - name: postcode
          transformer_name: postcode
        # Left as it is, on purpose, and written down so.
        - name: city
          transformer_name: transient
        - name: note
          transformer_name: "null"
    - database: main
      table: employees
      columns:
        - name: first_name
          transformer_name: first-name
        - name: last_name
          transformer_name: last-name
        - name: email
          transformer_name: email
        - name: salary_cents
          transformer_name: number-noise
          transformer_options:
            percent: 15
    - database: main
      table: orders
      columns:
        - name: gift_message
          transformer_name: keep-first-char
    - database: main
      table: payments
      columns:
        - name: card_holder
          transformer_name: full-name
        - name: card_number
          transformer_name: credit-card
    - database: main
      table: support_messages
      columns:
        # Text that people wrote may hold anything. This is as long, and says nothing.
        - name: question
          transformer_name: lorem

datastore:
  local_disk:
    dir: {datastore}

destination:
  connection_uri: {development}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """The demo's directory, and what is in it."""

    directory: Path

    @property
    def production(self) -> Path:
        return self.directory / "prod.db"

    @property
    def development(self) -> Path:
        return self.directory / "dev.db"

    @property
    def script(self) -> Path:
        return self.directory / "dev.sql"

    @property
    def config(self) -> Path:
        return self.directory / "conf.yaml"

    @property
    def datastore(self) -> Path:
        return self.directory / "datastore"


def demo_config(place: Place) -> str:
    """The text of conf.yaml: absolute paths, so that it works from any directory."""
    text = _TEMPLATE
    for name, value in (
        ("production", f"sqlite:///{place.production.absolute()}"),
        ("development", f"sqlite:///{place.development.absolute()}"),
        ("datastore", str(place.datastore.absolute())),
    ):
        text = text.replace(f"{{{name}}}", _scalar(value))
    return text


def _scalar(text: str) -> str:
    """`text` as a YAML scalar in which nothing is expanded."""
    return json.dumps(text.replace("$", "$$"), ensure_ascii=False)
