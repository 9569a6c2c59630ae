// Package schemagen writes JSON Schemas (draft 2020-12) of Go types as
// encoding/json writes them, with the comments of their fields as descriptions.
// It serves tests that hold published schemas to the types.
package schemagen

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Object is a schema.
type Object map[string]any

// draft is the language of the schemas.
const draft = "https://json-schema.org/draft/2020-12/schema"

// Generator writes schemas; Comments may be nil.
type Generator struct {
	Comments *Comments
	defs     Object
}

// Schema returns the schema of a type. It panics on types that encoding/json
// cannot write, which only a change of the program can bring.
func (g *Generator) Schema(id, title string, typ reflect.Type) Object {
	g.defs = Object{}
	schema := g.of(typ)
	if ref, is := schema["$ref"].(string); is { // the root is no reference
		name := strings.TrimPrefix(ref, "#/$defs/")
		schema = Object{}
		for key, value := range g.defs[name].(Object) {
			schema[key] = value
		}
	}
	schema["$schema"], schema["$id"], schema["title"] = draft, id, title
	if len(g.defs) > 0 {
		schema["$defs"] = g.defs
	}
	return schema
}

var (
	textType = reflect.TypeFor[encoding.TextMarshaler]()
	jsonType = reflect.TypeFor[json.Marshaler]()
)

func (g *Generator) of(typ reflect.Type) Object {
	switch {
	case typ == reflect.TypeFor[time.Time]():
		return Object{"type": "string", "format": "date-time"}
	case typ == reflect.TypeFor[json.RawMessage](), typ.Kind() == reflect.Interface:
		return Object{}
	case typ.Implements(jsonType):
		return Object{}
	case typ.Implements(textType):
		return Object{"type": "string"}
	}
	switch typ.Kind() {
	case reflect.Bool:
		return Object{"type": "boolean"}
	case reflect.String:
		return Object{"type": "string"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return Object{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return Object{"type": "integer", "minimum": 0}
	case reflect.Float32, reflect.Float64:
		return Object{"type": "number"}
	case reflect.Pointer:
		return Object{"anyOf": []any{g.of(typ.Elem()), Object{"type": "null"}}}
	case reflect.Slice:
		if typ.Elem().Kind() == reflect.Uint8 {
			return Object{"type": []any{"string", "null"}, "contentEncoding": "base64"}
		}
		return Object{"type": []any{"array", "null"}, "items": g.of(typ.Elem())}
	case reflect.Array:
		return Object{"type": "array", "items": g.of(typ.Elem())}
	case reflect.Map:
		return Object{"type": []any{"object", "null"}, "additionalProperties": g.of(typ.Elem())}
	case reflect.Struct:
		return g.reference(typ)
	}
	panic(fmt.Sprintf("schemagen: %s cannot be written as JSON", typ))
}

// reference puts a struct among the definitions, once.
func (g *Generator) reference(typ reflect.Type) Object {
	if typ.Name() == "" {
		return g.structure(typ)
	}
	name := typ.Name()
	if at := strings.LastIndex(typ.PkgPath(), "/"); at >= 0 && typ.PkgPath() != "main" {
		name = typ.PkgPath()[at+1:] + "." + name
	}
	if _, known := g.defs[name]; !known {
		g.defs[name] = Object{} // a type that holds itself ends here
		g.defs[name] = g.structure(typ)
	}
	return Object{"$ref": "#/$defs/" + name}
}

func (g *Generator) structure(typ reflect.Type) Object {
	properties, required := Object{}, []any{}
	g.fields(typ, properties, &required)
	schema := Object{"type": "object", "properties": properties}
	if len(required) > 0 {
		schema["required"] = required
	}
	if text := g.Comments.of(typ, ""); text != "" {
		schema["description"] = text
	}
	return schema
}

func (g *Generator) fields(typ reflect.Type, properties Object, required *[]any) {
	for field := range typ.Fields() {
		tag := field.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		if field.Anonymous && name == "" {
			embedded := field.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			g.fields(embedded, properties, required)
			continue
		}
		if !field.IsExported() || tag == "-" {
			continue
		}
		if name == "" {
			name = field.Name
		}
		schema := g.of(field.Type)
		optional := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		if text := g.Comments.of(typ, field.Name); text != "" {
			schema["description"] = text
		}
		properties[name] = schema
		if !optional {
			*required = append(*required, name)
		}
	}
}
