"""The settings of the policy: where its file is."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from rowgate_server.config.fields import SECRET, VISIBLE, Duration, Section, long_enough


class Policy(Section):
    """Who may do what; see `docs/authorization.md`."""

    path: Annotated[
        str,
        VISIBLE,
        Field(description="Path of the file with the roles, in YAML. Empty: whoever may call may do everything."),
    ] = ""
    interval: Annotated[
        Duration,
        VISIBLE,
        Field(
            ge=0.1,
            description="Time between two looks at whether the file has changed; SIGHUP has it read at once. A new one "
            "that is wrong is not taken, and the one before holds on.",
        ),
    ] = 5.0
    mask_secret: Annotated[
        SecretStr,
        AfterValidator(long_enough),
        SECRET,
        Field(
            description="What the hashes of masked columns are keyed with: at least 16 characters, the same for all "
            "replicas. Empty: made up at each start, so that a value has another hash elsewhere, and after a restart."
        ),
    ] = SecretStr("")
