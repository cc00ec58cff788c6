"""The screens; each shows views and sends commands."""
