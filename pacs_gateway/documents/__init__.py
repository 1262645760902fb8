"""Objects that are no still images, as people expect to see them: reports, waveforms, files, video."""
