package cib

// attrKey stands for the name of an attribute that the operations of a history
// have, or their resource: what is asked for of each of very many tags.
type attrKey uint8

const (
	keyOther attrKey = iota
	keyID
	keyClass
	keyProvider
	keyType
	keyContainer
	keyShutdownLock
	keyOperation
	keyInterval
	keyCallID
	keyStatus
	keyCode
	keyTransition
	keyMagic
	keyChanged
	keyOnNode
	keyDigest
	keyRestartDigest
	keySecureDigest
	keyRestartParams
	keySecureParams
	keyMigrateSource
	keyMigrateTarget
)

func keyOf(name []byte) attrKey {
	switch string(name) {
	case "id":
		return keyID
	case "class":
		return keyClass
	case "provider":
		return keyProvider
	case "type":
		return keyType
	case "container":
		return keyContainer
	case "shutdown-lock":
		return keyShutdownLock
	case "operation":
		return keyOperation
	case "interval":
		return keyInterval
	case "call-id":
		return keyCallID
	case "op-status":
		return keyStatus
	case "rc-code":
		return keyCode
	case "transition-key":
		return keyTransition
	case "transition-magic":
		return keyMagic
	case "last-rc-change", "last_rc_change":
		return keyChanged
	case "on_node":
		return keyOnNode
	case "op-digest":
		return keyDigest
	case "op-restart-digest":
		return keyRestartDigest
	case "op-secure-digest":
		return keySecureDigest
	case "op-force-restart":
		return keyRestartParams
	case "op-secure-params":
		return keySecureParams
	case "migrate_source":
		return keyMigrateSource
	case "migrate_target":
		return keyMigrateTarget
	}
	return keyOther
}
