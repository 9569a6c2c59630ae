package rabbitmq

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"go.uber.org/zap"
)

// vhostConfig is a vhost's file with the layout of its queue indexes.
const vhostConfig = ".config"

// A new vhost's configuration is written by RabbitMQ without fsync(2): after a
// power cut soon after, the file is there and empty, and the broker hangs at its
// start for ever (badmatch in rabbit_queue_index:scan_queue_segments, 3.10.8),
// with all messages of all vhosts behind it. So the agent brings these files to
// the disk itself and remembers what is in them, as soon as it sees them.

// vhostConfigs reads each vhost's configuration, by the name of its directory.
func (c *call) vhostConfigs() (map[string]string, error) {
	files, err := filepath.Glob(c.vhostFile("*"))
	if err != nil {
		return nil, fmt.Errorf("look at the vhosts: %w", err)
	}
	texts := make(map[string]string, len(files))
	for _, file := range files {
		text, err := readSmall(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("look at the vhosts: %w", err)
		}
		texts[filepath.Base(filepath.Dir(file))] = text
	}
	return texts, nil
}

func (c *call) vhostFile(vhost string) string {
	return filepath.Join(c.nodeDir(), "msg_stores", "vhosts", vhost, vhostConfig)
}

// keepVhosts makes the vhosts' configurations outlive a power cut, now that a
// running broker has written them.
func (c *call) keepVhosts() error {
	texts, err := c.vhostConfigs()
	if err != nil {
		return err
	}
	kept := c.keptVhosts()
	for vhost, text := range texts {
		switch {
		case text == "":
			delete(texts, vhost) // it is being written
		case kept[vhost] != text:
			if err := syncFile(c.vhostFile(vhost)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("bring a vhost's configuration to the disk: %w", err)
			}
		}
	}
	if maps.Equal(texts, kept) {
		return nil
	}
	data, err := json.Marshal(texts)
	if err != nil {
		return err
	}
	if err := replace(filepath.Join(c.req.DataDir, vhostsFile), data); err != nil {
		return fmt.Errorf("remember the vhosts' configurations: %w", err)
	}
	return nil
}

// keptVhosts returns what keepVhosts remembered, nothing if that cannot be read.
func (c *call) keptVhosts() map[string]string {
	data, err := os.ReadFile(filepath.Join(c.req.DataDir, vhostsFile))
	var kept map[string]string
	if err != nil || json.Unmarshal(data, &kept) != nil {
		return nil
	}
	return kept
}

// mendVhosts fills in what a power cut has emptied all the same: with what is
// remembered, or, where the node's other vhosts agree on the content, with
// theirs. No other file is touched.
func (c *call) mendVhosts() error {
	texts, err := c.vhostConfigs()
	if err != nil {
		return err
	}
	kept := c.keptVhosts()
	others := map[string]bool{}
	for _, text := range texts {
		if text != "" {
			others[text] = true
		}
	}
	for _, vhost := range slices.Sorted(maps.Keys(texts)) {
		if texts[vhost] != "" {
			continue
		}
		file, text := c.vhostFile(vhost), kept[vhost]
		if text == "" && len(others) == 1 {
			text = slices.Collect(maps.Keys(others))[0]
		}
		if text == "" {
			return fmt.Errorf("%s is empty after a power cut, and the node's other vhosts do not tell its content: write {segment_entry_count, N}. into it, with N as in rabbitmq.conf or 2048", file)
		}
		c.log.Warn("a power cut has emptied a vhost's configuration: it is written again", zap.String("resource", string(c.req.Instance)), zap.String("file", file))
		if err := fill(file, text); err != nil {
			return fmt.Errorf("mend a vhost: %w", err)
		}
	}
	return nil
}

// syncFile brings a file and its entry in the directory to the disk.
func syncFile(name string) error {
	for _, path := range []string{name, filepath.Dir(name)} {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		if err := errors.Join(file.Sync(), file.Close()); err != nil {
			return err
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
