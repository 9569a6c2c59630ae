package schemagen

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// Comments finds the comments of types and fields in the module's sources.
type Comments struct {
	// Root is the module's directory, Module its path.
	Root, Module string
	// Main is the directory below Root of what reflect calls package main.
	Main     string
	packages map[string]map[string]string
}

// of returns the comment of a type, or of its field, as one paragraph.
func (c *Comments) of(typ reflect.Type, field string) string {
	if c == nil || typ.Name() == "" {
		return ""
	}
	key := typ.Name()
	if field != "" {
		key += "." + field
	}
	return c.load(typ.PkgPath())[key]
}

func (c *Comments) load(path string) map[string]string {
	dir, inside := strings.CutPrefix(path, c.Module+"/")
	if path == "main" || dir == c.Main {
		dir, inside = c.Main, true
	}
	if !inside {
		return nil
	}
	if found, known := c.packages[dir]; known {
		return found
	}
	found := map[string]string{}
	if c.packages == nil {
		c.packages = map[string]map[string]string{}
	}
	c.packages[dir] = found
	for _, file := range c.parse(dir) {
		collect(file, found)
	}
	return found
}

// parse reads the sources of a package, without its tests.
func (c *Comments) parse(dir string) []*ast.File {
	names, err := filepath.Glob(filepath.Join(c.Root, dir, "*.go"))
	if err != nil || len(names) == 0 {
		panic(fmt.Sprintf("schemagen: no sources in %s: %v", dir, err))
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			panic(fmt.Sprintf("schemagen: %v", err))
		}
		files = append(files, file)
	}
	return files
}

func collect(file *ast.File, found map[string]string) {
	for _, decl := range file.Decls {
		general, is := decl.(*ast.GenDecl)
		if !is || general.Tok != token.TYPE {
			continue
		}
		for _, spec := range general.Specs {
			typ := spec.(*ast.TypeSpec)
			found[typ.Name.Name] = join(typ.Doc, general.Doc)
			structure, is := typ.Type.(*ast.StructType)
			if !is {
				continue
			}
			for _, field := range structure.Fields.List {
				for _, name := range field.Names {
					found[typ.Name.Name+"."+name.Name] = join(field.Doc, field.Comment)
				}
			}
		}
	}
}

// join returns the first of the comments that says something.
func join(groups ...*ast.CommentGroup) string {
	for _, group := range groups {
		if text := strings.Join(strings.Fields(group.Text()), " "); text != "" {
			return text
		}
	}
	return ""
}

// Words returns the values of the constants of each named string type of a
// package, in the order of the sources: the words that such a type may hold.
func (c *Comments) Words(dir string) map[string][]string {
	words := map[string][]string{}
	for _, file := range c.parse(dir) {
		for _, decl := range file.Decls {
			general, is := decl.(*ast.GenDecl)
			if !is || general.Tok != token.CONST {
				continue
			}
			for _, spec := range general.Specs {
				value := spec.(*ast.ValueSpec)
				typ, named := value.Type.(*ast.Ident)
				if !named {
					continue
				}
				for _, expr := range value.Values {
					literal, is := expr.(*ast.BasicLit)
					if !is || literal.Kind != token.STRING {
						continue
					}
					if word, err := strconv.Unquote(literal.Value); err == nil {
						words[typ.Name] = append(words[typ.Name], word)
					}
				}
			}
		}
	}
	return words
}
