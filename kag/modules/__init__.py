"""The modules that programs are made of: generators, operators, masks."""
