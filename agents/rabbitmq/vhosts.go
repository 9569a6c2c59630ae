package rabbitmq

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"
)

// vhostConfig is a vhost's file with the layout of its queue indexes.
const vhostConfig = ".config"

// mendVhosts fills in what a power cut has emptied. RabbitMQ writes a new vhost's
// configuration without fsync(2): after a power cut soon after, the file is
// there and empty, and the broker hangs at its start for ever (badmatch in
// rabbit_queue_index:scan_queue_segments, 3.10.8), with all messages of all
// vhosts behind it. Where the node's other vhosts agree on the content, the
// empty one gets it too; no other file is touched.
func (c *call) mendVhosts() error {
	files, err := filepath.Glob(filepath.Join(c.nodeDir(), "msg_stores", "vhosts", "*", vhostConfig))
	if err != nil {
		return fmt.Errorf("look at the vhosts: %w", err)
	}
	var empty []string
	contents := map[string]bool{}
	for _, file := range files {
		text, err := readSmall(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("look at the vhosts: %w", err)
		case text == "":
			empty = append(empty, file)
		default:
			contents[text] = true
		}
	}
	if len(empty) == 0 {
		return nil
	}
	if len(contents) != 1 {
		return fmt.Errorf("%s is empty after a power cut, and the node's other vhosts do not tell its content: write {segment_entry_count, N}. into it, with N as in rabbitmq.conf or 2048", empty[0])
	}
	for text := range contents {
		for _, file := range empty {
			c.log.Warn("a power cut has emptied a vhost's configuration: it gets that of the others", zap.String("resource", string(c.req.Instance)), zap.String("file", file))
			if err := fill(file, text); err != nil {
				return fmt.Errorf("mend a vhost: %w", err)
			}
		}
	}
	return nil
}

// fill writes a text into a file that is empty, whose owner stays, and on to the
// disk.
func fill(name, text string) error {
	file, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Sync(), file.Close())
}
