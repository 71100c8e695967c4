"""Community files: the example loads, and every wrong key is named with what was found and what was expected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autonomy import Community, Economics
from autonomy.configuration import demo_configuration, read_configuration
from autonomy.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]
TREE = """
[community]
name = "Tree"

[[network.line]]
name = "feeder"
parent = "grid"
import_limit_kw = 9.0
export_limit_kw = 9.0

[[network.line]]
name = "north"
parent = "feeder"

[defaults]
charge_efficiency = 0.9

[[prosumer]]
name = "a"
line = "north"
battery_capacity_kwh = 10

[[prosumer]]
name = "b"
line = "feeder"
charge_efficiency = 0.8
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "community.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(folder: Path, text: str) -> str:
    """The message, after the file's name, that both readers give."""
    path = write(folder, text)
    with pytest.raises(ConfigError) as caught:
        read_configuration(path)
    assert caught.value.exit_code == 1
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def changed(old: str, new: str) -> str:
    assert TREE.count(old) == 1
    return TREE.replace(old, new)


def test_the_example_loads_with_every_key_in_its_place() -> None:
    read = read_configuration(ROOT / "examples" / "community.toml")
    community = read.community
    assert (read.name, read.currency) == ("Example village", "currency")
    assert read.economics == Economics()  # its file states the defaults
    assert community.names == ("house-1", "house-2", "workshop", "school", "farm")
    assert community.network.parent.tolist() == [-1, 0, 0]
    assert community.network.bus_of_prosumer.tolist() == [1, 1, 1, 2, 2]
    assert community.network.import_limit_kw.tolist() == [10.0, 5.0, 6.0]
    assert community.network.export_limit_kw.tolist() == [15.0, 5.0, 11.0]
    assert community.network.resistance_ohm.tolist() == [0.02, 0.05, 0.0]
    assert community.battery_capacity_kwh.tolist() == [6.4, 10.0, 0.0, 0.0, 20.0]
    assert community.charge_efficiency.tolist() == [0.95] * 4 + [0.97]
    assert community.soc_max.tolist() == [1.0] * 4 + [0.95]
    assert community.ramp_limit_kw.tolist() == [np.inf, 3.0, np.inf, np.inf, np.inf]
    assert community.connection_limit_kw.tolist() == [12.0] * 4 + [16.0]


def test_the_demo_is_a_community_file_too() -> None:
    read = demo_configuration()
    assert (read.name, read.currency, read.community.n_prosumers) == ("Fontana", "USD", 17)
    assert Community.demo().names == read.community.names


def test_a_file_of_one_line_takes_every_default(tmp_path: Path) -> None:
    read = read_configuration(write(tmp_path, "[[prosumer]]\n"))
    assert (read.name, read.currency) == ("community", "currency")
    assert read.community.names == ("prosumer-1",)
    assert read.community.timestep_h == 1.0
    assert read.community.battery_capacity_kwh.tolist() == [0.0]
    assert read.community.network.import_limit_kw.tolist() == [np.inf]
    assert read.community.network.nominal_voltage_v == 400.0
    assert read.economics == Economics()


def test_defaults_fill_what_a_prosumer_leaves_out_and_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    community = Community.from_toml(write(tmp_path, "\ufeff" + TREE))
    assert community.charge_efficiency.tolist() == [0.9, 0.8]
    assert community.network.bus_of_prosumer.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # Sections.
        (TREE + "[econmics]\n", "econmics: unknown key (did you mean 'economics'?); known: community, network"),
        ("community = 3\n[[prosumer]]\n", "community: expected a table, found 3"),
        ("defaults = []\n[[prosumer]]\n", "defaults: expected a table, found []"),
        ("network = 'a'\n[[prosumer]]\n", "network: expected a table, found 'a'"),
        ("economics = 1\n[[prosumer]]\n", "economics: expected a table, found 1"),
        ("[community]\n", "prosumer: expected at least one [[prosumer]] table"),
        ("[prosumer]\nname = 'a'\n", "prosumer: expected at least one [[prosumer]] table"),
        ("prosumer = [1]\n", "prosumer[0]: expected a table, found 1"),
        ("[network.line]\nname = 'a'\n[[prosumer]]\n", "network.line: expected [[network.line]] tables"),
        ("[network]\nline = 3\n[[prosumer]]\n", "network.line: expected [[network.line]] tables"),
        ("[network]\nline = [3]\n[[prosumer]]\n", "network.line[0]: expected a table, found 3"),
        # Keys.
        (changed('name = "Tree"', 'nme = "Tree"'), "community.nme: unknown key (did you mean 'name'?); known: name"),
        (
            changed("battery_capacity_kwh", "battery_capacity"),
            "prosumer[0].battery_capacity: unknown key (did you mean",
        ),
        (changed("import_limit_kw", "import_limit"), "network.line[0].import_limit: unknown key (did you mean"),
        (changed("[defaults]\ncharge_efficiency", "[defaults]\nefficiency"), "defaults.efficiency: unknown key"),
        ("[network]\nlimit = 1\n[[prosumer]]\n", "network.limit: unknown key"),
        # Types.
        (changed('"Tree"', "3"), "community.name: found 3; expected a text"),
        (changed('"Tree"', "'  '"), "community.name: found '  '; expected a text"),
        (changed('"Tree"', '"Tree"\ncurrency = 1'), "community.currency: found 1; expected a text"),
        (changed('"Tree"', '"Tree"\ntimestep_h = "1"'), "community.timestep_h: found '1'; expected a number"),
        (changed('name = "a"', "name = 1"), "prosumer[0].name: found 1; expected a text"),
        (changed('name = "feeder"', "name = 1"), "network.line[0].name: found 1; expected a text"),
        (changed("= 10\n", '= "10"\n'), "prosumer[0].battery_capacity_kwh: found '10'; expected a number"),
        (changed("= 10\n", "= true\n"), "prosumer[0].battery_capacity_kwh: found True; expected a number"),
        (changed("= 10\n", "= [10]\n"), "prosumer[0].battery_capacity_kwh: found [10]; expected a number"),
        (changed("= 10\n", f"= 1{'0' * 400}\n"), "prosumer[0].battery_capacity_kwh: found a whole number beyond"),
        (changed("0.9\n", "false\n"), "defaults.charge_efficiency: found False; expected a number"),
        (
            changed("export_limit_kw = 9.0", "export_limit_kw = '9'"),
            "network.line[0].export_limit_kw: found '9'; expected",
        ),
        ("[network]\nimport_limit_kw = '9'\n[[prosumer]]\n", "network.import_limit_kw: found '9'; expected a number"),
        (
            "[network]\nnominal_voltage_v = true\n[[prosumer]]\n",
            "network.nominal_voltage_v: found True; expected a number",
        ),
        # Ranges.
        (changed('"Tree"', '"Tree"\ntimestep_h = 0'), "community.timestep_h: found 0.0; expected hours > 0"),
        (changed("= 10\n", "= -1\n"), "prosumer[0].battery_capacity_kwh: found -1.0; expected a finite number >= 0"),
        (changed("= 10\n", "= nan\n"), "prosumer[0].battery_capacity_kwh: found nan; expected a finite number >= 0"),
        (
            changed("0.8\n", "1.5\n"),
            "prosumer[1].charge_efficiency: found 1.5; expected a one-way efficiency in (0, 1]",
        ),
        (changed("0.9\n", "1.5\n"), "defaults.charge_efficiency: found 1.5; expected a one-way efficiency in (0, 1]"),
        (
            changed("0.8\n", "0.8\nsoc_min = 0.9\nsoc_max = 0.5\n"),
            "prosumer[1].soc_max: found 0.5; expected a fraction",
        ),
        (changed("0.8\n", "0.8\nramp_limit_kw = 0\n"), "prosumer[1].ramp_limit_kw: found 0.0; expected a number > 0"),
        (
            changed("0.8\n", "0.8\nconnection_limit_kw = -inf\n"),
            "prosumer[1].connection_limit_kw: found -inf; expected",
        ),
        (
            changed("export_limit_kw = 9.0", "export_limit_kw = nan"),
            "network.line[0].export_limit_kw: found nan; expected",
        ),
        (
            changed('"feeder"\n\n', '"feeder"\nresistance_ohm = 0.1\n\n'),
            "network.line[1].resistance_ohm: found 0.1; expected",
        ),
        (
            "[network]\nimport_limit_kw = -1\n[[prosumer]]\n",
            "network.import_limit_kw: found -1.0; expected a number >= 0",
        ),
        (
            "[network]\nnominal_voltage_v = 0\n[[prosumer]]\n",
            "network.nominal_voltage_v: found 0.0; expected a voltage",
        ),
        # Names.
        (changed('name = "b"', 'name = "a"'), "prosumer[1].name: 'a' is the name of prosumer[0] already"),
        (
            changed('name = "north"', 'name = "feeder"'),
            "network.line[1].name: 'feeder' is the name of network.line[0] already",
        ),
        (changed('name = "north"', 'name = "grid"'), "network.line[1].name: 'grid' is no name for a line"),
        # The tree.
        (changed('parent = "feeder"', ""), "network.line[1].parent: is missing; expected one of grid, feeder, north"),
        (
            changed('parent = "feeder"', 'parent = "feedr"'),
            "network.line[1].parent: no line is called 'feedr' (did you mean 'feeder'?)",
        ),
        (changed('parent = "feeder"', "parent = 0"), "network.line[1].parent: no line is called 0"),
        (changed('parent = "feeder"', 'parent = ["a"]'), "network.line[1].parent: no line is called ['a']"),
        (
            changed('parent = "feeder"', 'parent = "grid"'),
            "network.line: found 2 (feeder, north) with the parent 'grid'",
        ),
        (
            changed('parent = "grid"', 'parent = "north"'),
            "network.line: found 0 with the parent 'grid'; expected exactly one, the feeder",
        ),
        (
            changed('parent = "feeder"', 'parent = "north"'),
            "network.line[1].parent: the lines form a loop: north -> north",
        ),
        (
            changed('line = "feeder"', 'line = "nrth"'),
            "prosumer[1].line: no line is called 'nrth' (did you mean 'north'?)",
        ),
        (changed('line = "feeder"', ""), "prosumer[1].line: is missing; expected one of feeder, north"),
        (changed('line = "feeder"', 'line = "grid"'), "prosumer[1].line: no line is called 'grid'"),
        (changed('line = "feeder"', 'line = ["a"]'), "prosumer[1].line: no line is called ['a']"),
        (
            TREE.replace("[community]", "[network]\nimport_limit_kw = 1\n[community]"),
            "network: give limits either here (one feeder) or in [[network.line]], not both",
        ),
        # Prices.
        (TREE + "[economics]\nwear = 1\n", "economics.wear: unknown key (did you mean 'wear_weight'?)"),
        (TREE + "[economics]\nwear_per_kwh = true\n", "economics.wear_per_kwh: found True; expected a number"),
        # Not TOML.
        (TREE + "name = \n", "is not valid TOML: Invalid value (at line"),
    ],
)
def test_a_wrong_key_is_named_with_what_was_found(tmp_path: Path, text: str, said: str) -> None:
    message = refused(tmp_path, text)
    assert message.startswith(said), message


def test_a_longer_loop_beside_the_feeder_is_written_out(tmp_path: Path) -> None:
    lines = "".join(f'[[network.line]]\nname = "{x}"\nparent = "{y}"\n' for x, y in ("fg", "ab", "bc", "ca"))
    lines = lines.replace('parent = "g"', 'parent = "grid"')
    message = refused(tmp_path, lines + '[[prosumer]]\nline = "f"\n')
    assert message == "network.line[1].parent: the lines form a loop: a -> b -> c -> a"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read") as caught:
            read_configuration(path)
        assert str(caught.value).startswith(f"{path}: ")
    broken = tmp_path / "broken.toml"
    broken.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        Community.from_toml(broken)
