"""The Unified Procedure Step (PS3.4 Annex CC): its operations as flows, its SCP as a service, and both as commands."""
