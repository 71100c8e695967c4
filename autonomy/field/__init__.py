"""Devices in the field: thin adapters between the service and MQTT or Modbus. See `docs/field-protocols.md`.

mailbox    the last measurement of everything, and how old it is
bridge     from measurements to what devices are told, also where the service cannot be reached
mqtt       topics: measurements in, decisions out, a last will that is the dead stop (extra `field`)
registers  the register table of a device
modbus     the client of such devices (extra `field`)
"""
