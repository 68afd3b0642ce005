/**
 * Made once by ssh-keygen of OpenSSH 9.2: public keys with the fingerprints and SSHFP records that it prints,
 * and a certificate.
 */
export const keys = {
  ed: {
    line: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOxU5HtExK7ZfZ5gWJDFXMMLDUYGdte+/eqkR6PxYFGS ed',
    fingerprint: 'SHA256:wy6W1ILF1Z5YgFuvE2vwtHnOwge13OW1rryrGXAB0ik',
    sshfp: 'shop.example IN SSHFP 4 2 c32e96d482c5d59e58805baf136bf0b479cec207b5dce5b5aebcab197001d229',
  },
  e256: {
    line: 'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBH0xlme+/5bLY2mkbh9emood7XiwJw0nPQD3uILkciE1/XWAEIxT6rZwhS4I3mIqFFqZzh+Mruw91kLSfLt/hY8= e256',
    fingerprint: 'SHA256:lPkHShU3Ff9d562U3TGcuNWQklo9YVT7gQLLBQ3WF3I',
    sshfp: 'shop.example IN SSHFP 3 2 94f9074a153715ff5de7ad94dd319cb8d590925a3d6154fb8102cb050dd61772',
  },
  e384: {
    line: 'ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBIjm6MBOxjQAqB+pCse3adkk9rsn4lY1D4fKQaFjHnW/RgeZIn6SBdAY7YjPlvy/b2b0Vhrj+Kxn8pkDtba5Rcl5uydJb/XpyQaEVymE8dZOkh4HGMNpaeOfFBUKawlZhw== e384',
    fingerprint: 'SHA256:Vt+6KMId93j3ui07FVkD6exTmWZALzA7fV/FfHEo0PE',
    sshfp: 'shop.example IN SSHFP 3 2 56dfba28c21df778f7ba2d3b155903e9ec539966402f303b7d5fc57c7128d0f1',
  },
  e521: {
    line: 'ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAA4iS9DpSdD77X0VshnGc2ioY0kNKevnBpbGckRRLxKwmWbwNKas+y98hqS73GahJgACU5fnUjJbpYefgOQJ/9EUwHbmV7mYT4NrMQhhrxZ5E+BYF/bag4BguwbUlNjkfnu2YaUaMwz7GmlBARU0F2tFaEDTyccRndKe4aHEHBgs8fWIg== e521',
    fingerprint: 'SHA256:RAG3qyUZEoK+G13kUuIhS/KobFG8BTUVJATM8lWZ8l4',
    sshfp: 'shop.example IN SSHFP 3 2 4401b7ab25191282be1b5de452e2214bf2a86c51bc0535152404ccf25599f25e',
  },
  rsa: {
    line: 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDdmcNHSt75rGkRNu4foKN4QWKsSxBRf3bi2cxonbsN0eE/qxYUWPyWDznB3h/toEAXl6lW8DHAs7bgGq+6zBfP7cvka6EnXOF2EZOVO/FLw6QoGFRtKQ7T1oKG8lTE/0hD0GU2TwqKc0PNb0MFchmJr0H6YSLdfWs1nxJpd2LxWYXpFVNem8Awz41uzcYsvTYq+riuSCRIf1s73SJYPwK8P8FKIuCy44zgcaVhlyeBobNt0468oQW2JX0NP5B2CLxWAAQiijw4csZ7wpibvS2vuLkXHdHmdP+fK/IY3FjsY2OSI9asjwph+Krb6IaayOjesMiif5CSXg2sOBJGa2/3 rsa',
    fingerprint: 'SHA256:mTr9g+wV+lUV3nQyO4X3bQLza8IuCKT6Df3jIAGmrfI',
    sshfp: 'shop.example IN SSHFP 1 2 993afd83ec15fa5515de74323b85f76d02f36bc22e08a4fa0dfde32001a6adf2',
  },
} as const;

/** Kinds that are not taken. */
export const refused = {
  dsa: 'AAAAB3NzaC1kc3MAAACBAIcFoq0J5MKcsdOFjHTEP9K4kKHAMpUHteh9ry3s7oppcBkmGMR6+xnYKkLHyf3csJPc8lqN3T0gNsyYFYA91m09LjX2vJDDs7awQwGPrlhdYJfYWqMWKO7EXh/aCXvDwTCohBHUe4OL6LqYow+NfkuVIVWo8Pedzl8ygPVE6F3pAAAAFQCKKik3Xea71p1mF5xRhhDLdz3QkwAAAIBOlYk6HYBBckyAY8oM0xZVYd8v5F2zgX/Ulc3XrIbp/NWxEcMLT6aI6zVWpXMexTUtwoQuxemrJRpr/ZMTshRxFPivjFNakxrTwjqZY8ua/2Qijg17wwtlHp5pVqwbdOA08a+UGtpbegfZaRmqJ4uxGRG4FkjZPrh/C2hw5nr/FQAAAIAHuNa5TtMBC7m0eea+ekxab05PFHEjmTzUJo66VQ8gqPnpsRp68IgzK2EQHYRHRCCrUSzMh3MvjUqp1PmXnsUFisljLrbjN8m9L+e9XditiauKjBPuO4mKowuiwtitAwuQng17Qjkh/+6gtDm0ffh6EkjbXHE8QmFS2fbhUWPK4w==',
  rsa1024:
    'AAAAB3NzaC1yc2EAAAADAQABAAAAgQDn9jq3JYSfPDqrTKyUO5hT1vlkx+lHFhcx/b8lD77eZSGTikJNhMi2PHygtTauOMz4WFjtk6ePK6X9JhmfnphBamZ8kYTB4Qa9P3RC6ZyhpXWW42dSarG3iT6dXfnTKobzKrez1Pkpt8kBua54uK3JnzYkhpObD1Li8THVpKNWUw==',
} as const;

/**
 * Of the key `e256`, by the key `ed`: serial 7, id `alice@example`, principals web and root, valid from 2020 to
 * 2030 from 192.0.2.0/24 and 2001:db8::/32.
 */
export const certificate =
  'AAAAKGVjZHNhLXNoYTItbmlzdHAyNTYtY2VydC12MDFAb3BlbnNzaC5jb20AAAAgHtwQv1vgv758yoswYmn0loUzwmSBh928tYnPgjhhh9sAAAAIbmlzdHAyNTYAAABBBH0xlme+/5bLY2mkbh9emood7XiwJw0nPQD3uILkciE1/XWAEIxT6rZwhS4I3mIqFFqZzh+Mruw91kLSfLt/hY8AAAAAAAAABwAAAAEAAAANYWxpY2VAZXhhbXBsZQAAAA8AAAADd2ViAAAABHJvb3QAAAAAXgvhAAAAAABw29iAAAAANAAAAA5zb3VyY2UtYWRkcmVzcwAAAB4AAAAaMTkyLjAuMi4wLzI0LDIwMDE6ZGI4OjovMzIAAACCAAAAFXBlcm1pdC1YMTEtZm9yd2FyZGluZwAAAAAAAAAXcGVybWl0LWFnZW50LWZvcndhcmRpbmcAAAAAAAAAFnBlcm1pdC1wb3J0LWZvcndhcmRpbmcAAAAAAAAACnBlcm1pdC1wdHkAAAAAAAAADnBlcm1pdC11c2VyLXJjAAAAAAAAAAAAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIOxU5HtExK7ZfZ5gWJDFXMMLDUYGdte+/eqkR6PxYFGSAAAAUwAAAAtzc2gtZWQyNTUxOQAAAECFwagc7ttUjlKi/6DcgOjcaygyr1rSqqKgTyxRFEvxsBQqkIeZmZBWIeIazUOIf4d6nrXBOrEQdwF4Ko7BQlcB';
