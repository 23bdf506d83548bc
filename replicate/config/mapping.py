"""What every mapping of conf.yaml has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, model_validator

FORMS = ("<scalar>", "<mapping>")
"""Where a key takes either, what pydantic puts into the place of an error to tell them apart."""


class ConfigModel(BaseModel):
    """A mapping of the file. Unknown keys are refused, and no error shows what was given."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _take_blank_for_absent(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        return {k: v for k, v in data.items() if v is not None or k not in cls.model_fields}


def form(value: object) -> str:
    """Which of `FORMS` it is."""
    return FORMS[isinstance(value, dict | BaseModel)]
