"""What a corpus is, before anything is made of it: sizes, scripts, repetitions, encodings, its worst lines."""
