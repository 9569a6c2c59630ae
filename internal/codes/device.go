package codes

// nextDevice is what to type next, once the cause is mended.
const nextDevice = "belayctl fence check DEVICE"

var deviceCodes = []Entry{
	{
		Code: "device_unknown", Family: Device,
		Short: "the device failed for a reason that has no name", Cause: "The device's own words are in the message. It may heal.",
		Cure: "Read the message; try again.", Next: nextDevice, Example: "unknown: the device does not know the power state",
	},
	{
		Code: "device_timeout", Family: Device,
		Short: "the device did not answer in time", Cause: "It is slow, hangs, or packets are lost. What was asked for may have happened all the same: Belay reads the power before it believes anything.",
		Cure: "Look at the network to the device, and at the device; give it more time with the parameter timeout.", Next: nextDevice, Example: "timeout: no answer within 20s",
	},
	{
		Code: "device_unreachable", Family: Device,
		Short: "there is no connection to the device", Cause: "The address or port is wrong, the out-of-band network is down, or the device has lost its power together with its host. Nothing was asked of it.",
		Cure: "Check address and network. If the device dies with its host, add a second level, such as a PDU or the watchdog.", Next: nextDevice, Example: "unreachable: dial tcp 198.51.100.10:443: no route to host",
	},
	{
		Code: "device_busy", Family: Device,
		Short: "the device asks to come back later", Cause: "All its sessions are taken, or it is in the middle of something.",
		Cure: "Belay tries again by itself. If it stays so, end what holds the sessions.", Next: nextDevice, Example: "busy: 503 Service Unavailable",
	},
	{
		Code: "device_refused", Family: Device,
		Short: "the device understood and refused", Cause: "It cannot do that in its present state, or not in this form.",
		Cure: "Read the device's words in the message.", Next: nextDevice, Example: "refused: 409 Conflict: the chassis is being updated",
	},
	{
		Code: "device_protocol", Family: Device,
		Short: "the answer makes no sense", Cause: "Something else answers at that address, or the firmware is broken. What was asked for may have happened.",
		Cure: "Check that the address is that of the device; update its firmware.", Next: nextDevice, Example: "protocol: the answer is no JSON",
	},
	{
		Code: "device_auth", Family: Device,
		Short: "the device refuses the login", Cause: "User, password or privilege is wrong. Belay does not try again, because that locks accounts.",
		Cure: "Set the right password, or give the account the right to switch power.", Next: "belayctl secret set NAME", Example: "auth: 401 Unauthorized",
	},
	{
		Code: "device_tls", Family: Device,
		Short: "the device's certificate is not the expected one", Cause: "It is self-signed, was renewed, or something else answers.",
		Cure: "Compare the fingerprint in the message with the device's own, and set the parameter fingerprint, ca_file or ca_pem.", Next: nextDevice, Example: "tls: the certificate's fingerprint is 9f86...",
	},
	{
		Code: "device_not_found", Family: Device,
		Short: "the system or plug is not there", Cause: "The parameter that names it does not fit the device, or the host has moved to another slot.",
		Cure: "Name the one that exists; the message lists them where the device tells.", Next: nextDevice, Example: "not found: /redfish/v1/Systems/2",
	},
	{
		Code: "device_config", Family: Device,
		Short: "the parameters are wrong, or do not name one system", Cause: "The device has several systems and none is named, or a secret cannot be opened.",
		Cure: "Name the system as the message says; set the secret.", Next: nextDevice, Example: "config: the chassis has 2 systems: name one with system",
	},
	{
		Code: "device_unsupported", Family: Device,
		Short: "the device cannot do this", Cause: "This kind of device has no such operation.",
		Cure: "Use another device or another operation.", Next: "belayctl fence agents", Example: "unsupported: this kind of device cannot cycle the power",
	},
}
