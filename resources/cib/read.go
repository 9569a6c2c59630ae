package cib

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"io"

	"github.com/belay-ha/belay/cluster/policy"
)

// reader is one reading of one CIB.
type reader struct {
	report
	scan  *scanner
	texts *texts
	in    *policy.Input
	// strict readings refuse what no schema knows. A CIB that declines
	// validation is read as Pacemaker would: such things mean nothing.
	strict bool
	schema string // validate-with

	// config is the element <configuration>.
	config *element

	attrs    slab[attr]
	expanded int // elements read by reference
	byID     map[string][]*element
	// templates and tags map an id to what it stands for in constraints.
	templates map[string]*element
	standsFor map[string][]string
	resources map[string]bool // ids of resources

	// opBlock is where operations are read into, those of a resource side by side.
	opBlock []policy.HistoryOp
	// before is the history of the node before, place where in it the next resource
	// is expected.
	before     []policy.ResourceHistory
	place      int
	controller string // that planned the last operation
	// escaped: some text that again has returned was written otherwise. What is
	// written in one way then may mean another text.
	escaped bool
}

// Read reads a CIB, plain or compressed with bzip2. The name stands in errors,
// which are an *Error. Now is zero unless the CIB says at which instant it is
// to be judged (execution-date).
func Read(src io.Reader, name string) (*policy.Input, error) {
	r, err := readAll(src, name)
	if err != nil {
		return nil, err
	}
	return r.in, nil
}

func readAll(src io.Reader, name string) (*reader, error) {
	r := &reader{
		report: report{file: name},
		texts:  newTexts(),
		in:     &policy.Input{},
		strict: true,
		byID:   map[string][]*element{},
	}
	r.scan = newScanner(decompress(src))
	err := r.document()
	if syntax := (*syntaxError)(nil); errors.As(err, &syntax) {
		r.tell(syntax.at, syntax.text)
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return r, nil
}

// decompress looks at the first bytes for bzip2's signature.
func decompress(src io.Reader) io.Reader {
	head := make([]byte, 3)
	n, err := io.ReadFull(src, head)
	whole := io.MultiReader(bytes.NewReader(head[:n]), src)
	if err == nil && string(head) == "BZh" {
		return bzip2.NewReader(bufio.NewReader(whole))
	}
	return whole
}

// document reads the whole file.
func (r *reader) document() error {
	if _, err := r.scan.next(); err != nil {
		return err
	}
	if string(r.scan.name) != "cib" {
		return &syntaxError{r.scan.at(r.scan.start), "the root element is not <cib>: this is no Pacemaker configuration"}
	}
	root, err := r.element()
	if err != nil {
		return err
	}
	r.root(root)
	var seen [2]bool
	err = r.each(func() error {
		switch string(r.scan.name) {
		case "configuration":
			if seen[0] {
				return &syntaxError{r.scan.at(r.scan.start), "a second <configuration>"}
			}
			seen[0] = true
			tree, err := r.tree()
			if err == nil {
				r.configuration(tree)
			}
			return err
		case "status":
			if seen[1] {
				return &syntaxError{r.scan.at(r.scan.start), "a second <status>"}
			}
			seen[1] = true
			return r.status()
		}
		if r.strict {
			r.add(r.scan.at(r.scan.start), "<%.40s> is unknown in <cib>", r.scan.name)
		}
		return r.skip()
	})
	if err != nil {
		return err
	}
	if !seen[0] {
		r.add(root.at, "<cib> has no <configuration>")
	}
	_, err = r.scan.next() // what follows the root element
	return err
}

// each calls do at the start tag of every child of the current element, until
// its end. do must read to the end of the child.
func (r *reader) each(do func() error) error {
	for {
		what, err := r.scan.next()
		if err != nil || what != eventStart {
			return err
		}
		if err := do(); err != nil {
			return err
		}
	}
}

// root takes what the root element says.
func (r *reader) root(e *element) {
	r.schema = e.get("validate-with")
	r.strict = r.schema != "none"
	e.rename("have_quorum", "have-quorum")
	e.rename("dc_uuid", "dc-uuid")
	r.in.Quorum = r.boolean(e, "have-quorum", false)
	r.in.QuorumPanic = r.boolean(e, "no-quorum-panic", false)
	r.in.DC = e.get("dc-uuid")
	if date, given := e.lookup("execution-date"); given && date != "" {
		at, ok := unixTime(date)
		if !ok {
			r.add(e.where("execution-date"), "execution-date %q is not a number of seconds since 1970", date)
		}
		r.in.Now = at
	}
}

// configuration takes what <configuration> says.
func (r *reader) configuration(e *element) {
	r.config = e
	r.modernize(e)
	r.index(e)
	r.check(e)
	r.options(e.all("crm_config"))
	r.in.ResourceDefaults = r.nested(e.all("rsc_defaults"), "meta_attributes")
	r.in.OpDefaults = r.nested(e.all("op_defaults"), "meta_attributes")
	r.nodes(e.child("nodes"))
	resources := e.child("resources")
	r.collect(resources, e.child("tags"))
	if resources != nil {
		r.in.Resources = r.resourceList(resources)
	}
	r.constraints(e.child("constraints"))
	if levels := e.child("fencing-topology"); levels != nil {
		r.in.HasTopology = len(levels.children) > 0
	}
}
