"""Where inputs come from: files, folders, mailboxes on disk, archives and standard input, and the journal of them."""
