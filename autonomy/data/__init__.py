"""The demo community's data, its description and the converter that made it; `SOURCES.md` says where it is from."""
