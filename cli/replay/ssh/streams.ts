/**
 * Streams of an SSH session's recording: its k-th channel (k from 1) has stream 2k for what the client sends and
 * for what it is shown, 2k+1 for the standard error of its program.
 */
export const channelOf = (stream: number): number => stream >> 1;

export const streamOf = (channel: number): number => 2 * channel;
