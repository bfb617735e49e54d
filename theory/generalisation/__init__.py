"""What an over-parameterised fit costs on new data, where it can be computed."""
