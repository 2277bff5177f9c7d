"""What a MySQL or MariaDB table's CREATE statement says that no field of a description is for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rowgate_server.core.mysql_words import unknown_words

_ORDINARY = """CREATE TABLE `odd ``name (` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `a` varchar(9) CHARACTER SET latin1 COLLATE latin1_bin DEFAULT 'it''s \\\\'' INVISIBLE, (' COMMENT 'IGNORED, )',
  `b` timestamp(3) NULL DEFAULT current_timestamp(3) ON UPDATE current_timestamp(3),
  `c` double precision GENERATED ALWAYS AS (`a` in ('x','y') or visible(`id`)) VIRTUAL,
  `d` varchar(20) DEFAULT concat('a',lower('b')) CHECK (json_valid(`d`) and strange(`d`)),
  `e` enum('x','INVISIBLE') DEFAULT 'x',
  `n` double DEFAULT 1.5e300,
  PRIMARY KEY (`id`) USING BTREE,
  UNIQUE KEY `u` (`a`(3) DESC,`b`) COMMENT 'WITH PARSER x',
  FULLTEXT KEY `f` (`a`),
  KEY `by` (`d`) KEY_BLOCK_SIZE=8,
  CONSTRAINT `fk` FOREIGN KEY (`id`) REFERENCES `other` (`x`) ON DELETE SET NULL ON UPDATE NO ACTION,
  CONSTRAINT `ck` CHECK (`a` <> ') PARTITION BY (' and odd(`a`))
) ENGINE=InnoDB AUTO_INCREMENT=1500 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='ENGINE=MyISAM'"""


def test_nothing_of_an_ordinary_table_is_unknown() -> None:
    assert list(unknown_words(_ORDINARY)) == []


@pytest.mark.parametrize(
    ("line", "behind", "told"),
    [
        ("`a` int(11) INVISIBLE DEFAULT NULL", "", "`a` INVISIBLE"),
        ("`a` int /*!80023 INVISIBLE */", "", "`a` INVISIBLE"),
        ("`a` int DEFAULT '5' /*!80023 INVISIBLE */", "", "`a` INVISIBLE"),
        ("`a` int DEFAULT -5.5 /*!80023 INVISIBLE */", "", "`a` INVISIBLE"),
        ("`a` int DEFAULT (1) /*!80023 INVISIBLE */", "", "`a` INVISIBLE"),
        ("`a` bit(3) DEFAULT b'101' /*!80023 INVISIBLE */", "", "`a` INVISIBLE"),
        ("`a` text /*M!100301 COMPRESSED*/", "", "`a` COMPRESSED"),
        ("`a` int(11) DEFAULT NULL WITHOUT SYSTEM VERSIONING", "", "`a` WITHOUT SYSTEM VERSIONING"),
        ("`a` geometry NOT NULL /*!80003 SRID 4326 */", "", "`a` SRID"),
        ("KEY `k` (`a`) /*!80000 INVISIBLE */", "", "KEY `k` ( `a` ) /*!80000 INVISIBLE */"),
        ("KEY `k` (`a`) IGNORED", "", "KEY `k` ( `a` ) IGNORED"),
        ("UNIQUE KEY `k` (`a`,`p` WITHOUT OVERLAPS)", "", "UNIQUE KEY `k` ( `a` , `p` WITHOUT OVERLAPS )"),
        ("PERIOD FOR `p` (`a`, `b`)", "", "PERIOD FOR `p` ( `a` , `b` )"),
        ("CONSTRAINT `c` CHECK (`a` > 0) NOT ENFORCED", "", "CONSTRAINT `c` CHECK ( `a` > 0 ) NOT ENFORCED"),
        ("`a` int(11)", "ENGINE=MyISAM", "ENGINE=MyISAM"),
        ("`a` int(11)", "ENGINE=InnoDB WITH SYSTEM VERSIONING", "WITH SYSTEM VERSIONING"),
        ("`a` int(11)", "ENGINE=InnoDB\n/*!50100 PARTITION BY HASH (`a`) */", "/*!50100 PARTITION BY HASH ( `a` ) */"),
        ("`a` int(11)", "ENGINE=InnoDB CONNECTION='x'", "CONNECTION='x'"),
    ],
)
def test_every_other_word_is_told(line: str, behind: str, told: str) -> None:
    statement = f"CREATE TABLE `t` (\n  `id` int(11) NOT NULL,\n  {line}\n) {behind or 'ENGINE=InnoDB'}"
    assert list(unknown_words(statement)) == [told]


@settings(max_examples=50, deadline=None)
@given(st.text(st.sampled_from("ab`'(),=/*! \\\n"), max_size=30))
def test_text_of_any_kind_is_taken_without_end_or_error(text: str) -> None:
    list(unknown_words(text))
    list(unknown_words(f"CREATE TABLE `t` ({text}) {text}"))
