# ruff: noqa: INP001 - a script, in no package
"""Writes what the chart's values.schema.json says of settings, from the server's own schema of its configuration.

`python scripts/chart_schema.py write`, after a change to a setting; a test holds the two against each other. All else
in the file is written by hand. The server is more lenient than its schema, which is for editors: in its YAML file every
scalar is text that is read as its setting asks, so that `"5"` is a number, and `INFO` a level.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rowgate_server import config

FILE = Path(__file__).resolve().parent.parent / "deploy/helm/rowgate/values.schema.json"

_Schema = dict[str, Any]

_NOTHING: _Schema = {"not": {}}
_OF_THE_CHART = {
    "settings": ("databases",),
    "databases": ("logins", "replicas"),
}
"""What has values of the chart's own beside these, and is refused among them; as is all that is secret."""


def written(before: _Schema) -> _Schema:
    """The chart's whole schema, with the settings of today."""
    theirs = config.json_schema()
    definitions = {name: _section(schema) for name, schema in theirs["$defs"].items()}
    settings = _section({"properties": theirs["properties"]})
    for name in _OF_THE_CHART["settings"]:
        settings["properties"][name] = _NOTHING
    for name in _OF_THE_CHART["databases"]:
        definitions["Database"]["properties"][name] = _NOTHING
    # The chart itself says which value is to be used instead.
    definitions["Auth"]["properties"]["api_keys"] = {}
    properties = json.loads(json.dumps(before["properties"]))
    database = properties["databases"]["additionalProperties"]["properties"]
    login = database["logins"]["additionalProperties"]["properties"]
    replica = database["replicas"]["additionalProperties"]["properties"]
    key = properties["apiKeys"]["additionalProperties"]["properties"]
    for values, schema in (
        (properties, settings),
        (database, _named("Database")),
        (login, _named("Login")),
        (replica, _named("Replica")),
        (key, _named("ApiKey")),
    ):
        values["settings"] = {"description": values["settings"]["description"], **schema}
    return {**before, "properties": properties, "definitions": definitions}


def _named(name: str) -> _Schema:
    # Draft 7 looks at nothing beside a $ref.
    return {"allOf": [{"$ref": f"#/definitions/{name}"}]}


def _section(schema: _Schema) -> _Schema:
    """A section, or several by their names; none of it has to be there, as what is secret is not."""
    return {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {name: _setting(each) for name, each in schema["properties"].items()},
    }


def _setting(schema: _Schema) -> _Schema:
    if schema.get("x-secret"):
        return _NOTHING
    if "$ref" in schema:
        return {"$ref": schema["$ref"].replace("$defs", "definitions")}
    if "patternProperties" in schema:
        (each,) = schema["patternProperties"].values()
        return {"type": ["object", "null"], "additionalProperties": _setting(each)}
    return _scalar(schema)


def _scalar(schema: _Schema) -> _Schema:
    if "enum" in schema:
        return {"type": "string", "pattern": f"^(?i:{'|'.join(schema['enum'])})$"}
    if "anyOf" in schema:
        return {"anyOf": schema["anyOf"]}
    kept: _Schema = {name: schema[name] for name in ("type", "minimum", "maximum", "pattern") if name in schema}
    match schema["type"]:
        case "string":
            return kept | {"type": ["string", "number", "boolean"]}
        case "boolean":
            words = {"type": "string", "pattern": "^(?i:true|false|yes|no|on|off|1|0)$"}
            return {"anyOf": [kept, {"enum": [0, 1]}, words]}
        case _:
            return {"anyOf": [kept, {"type": "string", "pattern": "^[+-]?[0-9.]+$"}]}


if __name__ == "__main__":
    if sys.argv[1:] != ["write"]:
        sys.exit(__doc__)
    schema = written(json.loads(FILE.read_text(encoding="utf-8")))
    FILE.write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
