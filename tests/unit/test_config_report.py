"""The printout, the schema and the page: true to the settings, and without their secrets."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from rowgate_server.config import ConfigError, Settings, effective, json_schema, load, reference_markdown
from rowgate_server.config.fields import Visibility
from rowgate_server.config.shape import NAME, ROOT, Branch, Leaf, leaves, variable

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "hunter2"
URL = f"postgresql://app:{SECRET}@db/shop?sslmode=disable"
POLICY = Path(__file__).parent / "policy" / "policy.yaml"
TLS = ("certificate", "key", "client_ca")
HASH = f"scrypt:14:8:1:{'s' * 22}:{'h' * 43}"
AUTH = {
    "auth.api_keys.main.hash": HASH,
    "auth.api_keys.main.roles": "reader, writer",
    "auth.api_keys.main.claims": "tenant=acme",
    "auth.jwt.main.issuer": "https://issuer",
    "auth.jwt.main.audience": "rowgate",
    "auth.jwt.main.jwks": "https://issuer/keys",
    "auth.jwt.main.jwks_ca": str(Path(__file__)),
    "auth.certificates.main.san": "dns:billing.internal",
    "auth.certificates.main.roles": "reader",
    "auth.certificates.main.claims": "tenant=acme",
}
PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def models(branch: Branch = ROOT) -> Iterator[type[BaseModel]]:
    yield branch.model
    for child in branch.children.values():
        if isinstance(child, Branch):
            yield from models(child)


def test_every_field_is_marked_visible_or_secret_and_few_are_secret() -> None:
    for model in models():
        for name, info in model.model_fields.items():
            marks = [mark for mark in info.metadata if isinstance(mark, Visibility)]
            assert len(marks) == 1, f"{model.__name__}.{name}"
    secrets = ["url", "url", "url", "page_token_secret", "hash", "mask_secret"]
    assert [leaf.path[-1] for leaf in leaves() if leaf.secret] == secrets


def test_a_setting_without_a_mark_is_hidden() -> None:
    unmarked = Settings.model_fields["listen"].__class__(annotation=str)
    assert Leaf(("x",), unmarked).secret


def test_every_setting_is_described_in_one_line() -> None:
    for leaf in leaves():
        assert re.fullmatch(r"[A-Z][^\n|]+\.", leaf.description), leaf.path


def test_a_secret_is_shown_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "rowgate.yaml"
    file.write_text(f"databases: {{main: {{url: '{URL}'}}}}", encoding="utf-8")
    settings = load({"config": str(file)}, {"ROWGATE_SERVER__PAGE_TOKEN_SECRET": SECRET * 4})
    logging.getLogger("test").warning("%s %r", settings, settings.databases["main"].url)
    shown = [
        effective(settings),
        repr(settings),
        str(settings),
        str(settings.model_dump()),
        settings.model_dump_json(),
        str(json_schema()),
        reference_markdown(),
        caplog.text,
    ]
    assert [text for text in shown if SECRET in text] == []
    assert "postgresql://app:***@db:5432/shop?sslmode=disable" in shown[0]


PATHS = [tuple("main" if part == NAME else part for part in leaf.path) for leaf in leaves()]
MISPLACED = [
    *PATHS,
    ("databases", "main"),
    ("databases",),
    ("server",),
    ("log", "levle"),
    ("databases", "main", "pool", "size", "more"),
    ("databases", f"mysql://app:{SECRET}@db", "url"),
    ("databases", f"mysql://app:{SECRET}@db", "url", "more"),
    (f"x={SECRET}",),
]
FORMS = [
    f"mysql://app:{SECRET}@db:port/shop",
    f"mysql://app:x/{SECRET}@db/shop",
    f"mysql://app:x@db/shop?password={SECRET}",
    f"mysql://app:x@db/shop?sslmode={SECRET}",
    f"pgsql://app:{SECRET}@db/shop",
    SECRET,
    f"*{SECRET}",
    f"!{SECRET}",
    f"{{{SECRET}: [}}",
    f"'{SECRET}",
    f"%{SECRET}",
    f"[{SECRET}]",
    f"1 {SECRET}s",
]


@pytest.mark.parametrize("form", FORMS)
def test_no_error_repeats_a_value_wherever_it_was_put(tmp_path: Path, form: str) -> None:
    for path in MISPLACED:
        nested = form
        for part in reversed(path):
            nested = f'{{"{part}": {nested}}}'
        file = tmp_path / "rowgate.yaml"
        file.write_text(nested, encoding="utf-8")
        ways: list[tuple[dict[str, str], dict[str, str]]] = [
            ({".".join(path): form}, {}),
            ({}, {variable(path): form}),
            ({}, {f"{variable(path)}_FILE": form}),
            ({"config": str(file)}, {}),
        ]
        for flags, env in ways:
            with pytest.raises(ConfigError) as caught:
                load(flags, env)
            assert SECRET not in str(caught.value).lower()
            assert SECRET not in repr(caught.value).lower()


def test_settings_that_are_built_without_load_do_not_repeat_values_either() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"databases": {"main": {"url": f"nosql://app:{SECRET}@db"}}, "listen": SECRET})
    assert SECRET not in str(caught.value)


def test_the_printout_is_yaml_with_every_setting_and_its_source() -> None:
    settings = load(
        {
            "databases.main.url": URL,
            "databases.main.tables.soft_delete": "gone_at",
            "databases.main.catalog.tables_from": "/etc/rowgate/tables.json",
            "databases.main.tables.soft_delete_tables": "logs=, a.b=removed",
            "server.page_token_secret": SECRET * 4,
            "admin_listen": "off",
            "databases.main.logins.main.url": URL,
            "databases.main.replicas.main.url": URL,
            "policy.path": str(POLICY),
            "policy.mask_secret": SECRET * 4,
            **{f"{section}.{name}": str(PAGE) for section in ("tls", "admin_tls") for name in TLS},
            "audit.path": "stdout",
            **AUTH,
            "tracing.endpoint": "http://collector:4317",
        },
        {"ROWGATE_SERVER__DRAIN_GRACE": "90", "ROWGATE_DATABASES__MAIN__LIMITS__SQL_BYTES": "1025"},
    )
    text = effective(settings)
    printed = yaml.safe_load(text)
    for path in PATHS:
        node: Any = printed
        for part in path:
            node = node[part]
    assert printed["admin_listen"] == "off"
    assert "      soft_delete_tables: logs=, a.b=removed  # flag --set\n" in text
    assert "  drain_grace: 90s  # environment ROWGATE_SERVER__DRAIN_GRACE\n" in text
    assert "      sql_bytes: 1025  # environment ROWGATE_DATABASES__MAIN__LIMITS__SQL_BYTES\n" in text
    assert "      roles: reader, writer  # flag --set\n" in text
    assert HASH not in text
    assert "listen: 127.0.0.1:50051  # default\n" in text
    assert "    url: postgresql://app:***@db:5432/shop?sslmode=disable  # flag --database\n" in text


def test_the_printout_without_passwords_loads_as_the_same_settings(tmp_path: Path) -> None:
    flags = {
        "databases.main.url": "sqlite:////var/lib/it's%20a%20%23.db?mode=ro",
        "databases.on.url": "mysql://app@[::1]/",
        "listen": "unix:/run/a # b.sock",
        "server.max_connection_age": "0",
        "databases.on.timeouts.statement": "1.5",
        "log.level": "error",
    }
    settings = load(flags, {})
    file = tmp_path / "printed.yaml"
    file.write_text(effective(settings), encoding="utf-8")
    assert load({"config": str(file)}, {}).model_dump() == settings.model_dump()
    assert "# default_database is not set\n" in effective(settings)


def test_a_printout_with_a_hidden_password_does_not_load(tmp_path: Path) -> None:
    file = tmp_path / "printed.yaml"
    file.write_text(effective(load({"databases.main.url": URL}, {})), encoding="utf-8")
    with pytest.raises(ConfigError, match="put the real one"):
        load({"config": str(file)}, {})


def properties_of(schema: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """Follow a path through the schema as a validator would."""
    node = schema
    for part in path:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        if part == NAME:
            (node,) = node["patternProperties"].values()
        else:
            assert node["additionalProperties"] is False
            node = node["properties"][part]
    return node


def test_the_schema_has_every_setting_with_its_variable_and_its_default() -> None:
    schema = json_schema()
    for leaf in leaves():
        described = properties_of(schema, leaf.path)
        assert described["description"] == leaf.description
        assert described["x-variable"] == leaf.variable
        assert described["x-secret"] is leaf.secret
        assert ("default" in described) is not (leaf.required or leaf.derived is not None)
    assert "default" not in properties_of(schema, ("server",))
    assert properties_of(schema, ("server", "drain_grace"))["default"] == 10.0
    assert properties_of(schema, ("listen",))["default"] == "127.0.0.1:50051"


def test_the_schema_takes_a_duration_or_a_size_as_number_and_as_text() -> None:
    number, text = properties_of(json_schema(), ("databases", NAME, "pool", "recycle"))["anyOf"]
    assert number == {"type": "number", "minimum": 1, "maximum": 604800.0}
    assert re.search(text["pattern"], "30m")
    assert not re.search(text["pattern"], "30 minutes")
    number, text = properties_of(json_schema(), ("server", "max_message_bytes"))["anyOf"]
    assert number == {"type": "integer", "minimum": 4096, "maximum": 1 << 30}
    assert re.search(text["pattern"], "64MiB")
    assert not re.search(text["pattern"], "64TB")


def test_the_page_is_what_the_settings_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference_markdown(), "write reference_markdown() to the file"


def test_the_page_has_every_setting_with_its_default() -> None:
    page = reference_markdown()
    for leaf in leaves():
        assert f"<br>`{leaf.variable}` |" in page
    assert "| size, 4KiB to 1GiB | `64MiB` |" in page
    assert "| duration, 0s to 168h | `30m` |" in page
    assert "| required |" in page
    assert page.endswith("\n")
    assert not page.endswith("\n\n")


def test_the_example_on_the_page_loads(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", reference_markdown(), re.DOTALL)
    file = tmp_path / "rowgate.yaml"
    file.write_text(example, encoding="utf-8")
    settings = load({"config": str(file)}, {})
    assert settings.default_database == "main"
    assert settings.databases["archive"].url.read_only
