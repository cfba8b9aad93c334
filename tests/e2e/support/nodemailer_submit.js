// Submits one raw message with nodemailer. Arguments: a JSON object; the content comes on standard input.
'use strict';
const nodemailer = require('nodemailer');
const fs = require('fs');

const job = JSON.parse(process.argv[2]);
const chunks = [];
process.stdin.on('data', (chunk) => chunks.push(chunk));
process.stdin.on('end', () => {
  const transport = nodemailer.createTransport({
    host: 'localhost',
    port: job.port,
    name: 'nodemailer.test',
    secure: job.tls === 'implicit',
    requireTLS: job.tls === 'starttls',
    ignoreTLS: job.tls === 'none',
    auth: job.login ? { user: job.login, pass: job.password } : undefined,
    tls: job.tls === 'none' ? undefined : { ca: fs.readFileSync(job.ca_file) },
    dnsTimeout: 5000,
  });
  transport.sendMail(
    {
      envelope: { from: job.sender, to: [job.recipient], use8BitMime: job.eight_bit },
      raw: Buffer.concat(chunks),
    },
    (error, info) => {
      process.stdout.write(error ? String(error) : info.response);
      transport.close();
      process.exitCode = error ? 1 : 0;
    },
  );
});
