"""transkun 2.0.1 (Yan and Duan, ISMIR 2024), offline: a transformer and a semi-Markov CRF over whole segments."""

import pkg_resources
import torch
from answer import Work, arguments, read, write
from moduleconf import parseFromFile


def load():
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    conf = parseFromFile(pkg_resources.resource_filename("transkun", "pretrained/2.0.conf"))["Model"]
    weights = torch.load(
        pkg_resources.resource_filename("transkun", "pretrained/2.0.pt"), map_location="cpu", weights_only=False
    )
    model = conf.module.TransKun(conf=conf.config)
    model.load_state_dict(weights.get("best_state_dict", weights.get("state_dict")), strict=False)
    return model.eval()


def main():
    chosen = arguments(__doc__).parse_args()
    model, work = load(), Work()
    sound = read(chosen.sound, model.fs)
    with work:
        notes = model.transcribe(torch.from_numpy(sound[:, None]), discardSecondHalf=False)
    events = [
        {"onset": note.start, "offset": note.end, "pitch": note.pitch, "velocity": note.velocity}
        for note in notes
        if note.pitch > 0  # negative: the pedals
    ]
    write(chosen.answer, "transkun 2.0.1", events, len(sound) / model.fs, work)


if __name__ == "__main__":
    main()
