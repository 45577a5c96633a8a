"""Laws of configurations: what is written is what is built; what is wrong is refused in one sentence."""

import numpy as np
import pytest

from engine.build import build_chain, build_session
from engine.config import Config, ConfigError, PluginConfig, SourceConfig, load_config
from engine.registry import STAGES, PluginError, find, names
from engine.sources.array import ArraySource

TEXT = """
stream_rate = 16000

[audio]
type = "file"
path = "song.wav"

[[source]]
name = "guitar"
channels = [1, 2]
chain = ["level", "strike"]
[source.strike]
threshold = 0.4

[[source]]
name = "voice"
channels = [3]
chain = ["level"]

[stage.strike]
refractory_ms = 80

[[bridge]]
type = "osc"
targets = ["127.0.0.1:9000"]
"""


def written(tmp_path, text):
    path = tmp_path / "ictus.toml"
    path.write_text(text)
    return path


def test_a_file_says_what_the_code_would(tmp_path):
    config = load_config(written(tmp_path, TEXT))
    assert config == Config(
        audio=PluginConfig("file", {"path": "song.wav"}),
        sources=(
            SourceConfig("guitar", (1, 2), ("level", "strike"), {"strike": {"threshold": 0.4}}),
            SourceConfig("voice", (3,), ("level",)),
        ),
        stages={"strike": {"refractory_ms": 80}},
        bridges=(PluginConfig("osc", {"targets": ["127.0.0.1:9000"]}),),
    )
    assert Config.from_dict(config.to_dict()) == config


def test_options_for_one_source_win_over_those_for_all():
    entry = SourceConfig("a", (1,), ("strike",), {"strike": {"threshold": 0.41}})
    config = Config(sources=(entry,), stages={"strike": {"threshold": 0.9, "refractory_ms": 77}})
    stage = build_chain(config, entry).stage("strike")
    assert (stage.threshold, stage.refractory_ms) == (0.41, 77)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[audio", "not valid TOML"),
        ("[audoi]\n", "audoi"),
        ("[[source]]\nchannels=[1]", "name"),
        ('[[source]]\nname="a"\nchannels=[0]', "counted from 1"),
        ('[[source]]\nname="a"\nchannels=1', "must be a list"),
        ('[[source]]\nname="a"\nchannels=[1,1]', "twice"),
        ('[[source]]\nname="a b"', "may not be empty or hold"),
        ('[source]\nname="a"', "two brackets"),
        ('[[source]]\nname="a"\n[[source]]\nname="a"', "name of its own"),
        ("source = []", "no sources"),
        ("[[bridge]]\nport=1", "type"),
        ("[stage]\nnotes=3", "must be a table"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, word):
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, text))
    assert word in str(caught.value) and "\n" not in str(caught.value).strip()


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="nowhere.toml"):
        load_config(tmp_path / "nowhere.toml")


def build(n_channels=1, **source):
    config = Config(sources=(SourceConfig("a", **{"chain": ("level",), **source}),))
    return build_session(config, ArraySource(np.zeros((100, n_channels), np.float32), 48_000), [])


def test_a_channel_the_input_lacks_is_refused():
    assert build(4, channels=(4,))
    with pytest.raises(ConfigError, match="the input has 4"):
        build(4, channels=(5,))


def test_no_channels_means_all_of_them():
    session = build(3, channels=())
    assert list(session.lanes[0]._channels) == [0, 1, 2]


def test_unknown_stages_and_options_are_named():
    with pytest.raises(PluginError, match="known are: .*strike"):
        build(chain=("lvel",))
    with pytest.raises(PluginError, match="colour"):
        build(stages={"level": {"colour": 3}})
    with pytest.raises(ConfigError, match="'notes'"):
        build(stages={"notes": {"model": "notes"}})


def test_ours_are_found_by_entry_point():
    assert {"level", "strike", "notes", "link"} <= set(names(STAGES))
    for name in names(STAGES):
        assert callable(find(STAGES, name))
