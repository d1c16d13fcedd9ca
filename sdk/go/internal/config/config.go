// Package config makes a plugin's own type of the JSON that weir made of the operator's document.
package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Decode reads a document into a plugin's type. Errors name the key.
func Decode(document string, into any) error {
	decoder := json.NewDecoder(strings.NewReader(document))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil {
		return nil
	}
	var wrong *json.UnmarshalTypeError
	var unknown string
	if errors.As(err, &wrong) {
		path := "config"
		if wrong.Field != "" {
			path += "." + wrong.Field
		}
		return fmt.Errorf("%s: %s where %s is needed", path, given(wrong.Value), kind(wrong.Type))
	}
	if _, scan := fmt.Sscanf(err.Error(), "json: unknown field %q", &unknown); scan == nil {
		if known := keys(reflect.TypeOf(into)); len(known) > 0 {
			return fmt.Errorf("config: there is no key %q; the keys are %s", unknown, strings.Join(known, ", "))
		}
		return fmt.Errorf("config: there is no key %q", unknown)
	}
	if errors.Is(err, io.EOF) {
		return errors.New("config: empty, where a JSON document is needed")
	}
	return fmt.Errorf("config: %s", strings.TrimPrefix(err.Error(), "json: "))
}

// given says what stands in the document: of encoding/json's words, those of TOML.
func given(value string) string {
	switch value {
	case "object":
		return "a table"
	case "array":
		return "a list"
	case "bool":
		return "true or false"
	case "string", "number":
		return "a " + value
	}
	return "the " + value
}

// kind says what a type is to somebody who writes TOML.
func kind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a table"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return fmt.Sprintf("a whole number (%s)", t)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("a whole number that is not negative (%s)", t)
	}
	return t.String()
}

// keys are all that a type has, its own and those of what it holds.
func keys(t reflect.Type) (out []string) {
	var walk func(t reflect.Type, prefix string, depth int)
	walk = func(t reflect.Type, prefix string, depth int) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map {
			if t.Kind() != reflect.Pointer {
				prefix = strings.TrimSuffix(prefix, ".") + "[]."
			}
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || depth > 4 {
			return
		}
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case name == "-" || !f.IsExported() && !f.Anonymous:
			case name == "" && f.Anonymous:
				walk(f.Type, prefix, depth+1)
			default:
				if name == "" {
					name = f.Name
				}
				out = append(out, prefix+name)
				walk(f.Type, prefix+name+".", depth+1)
			}
		}
	}
	walk(t, "", 0)
	return out
}
