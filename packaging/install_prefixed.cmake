# Runs at installation: what must name the place of the programs. A package (DESTDIR is set) gets a configuration too; a
# plain installation leaves /etc alone.
configure_file(${from}/imsgw.service.in ${to}/imsgw.service @ONLY)
file(INSTALL ${to}/imsgw.service DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)
if(DEFINED ENV{DESTDIR})
  file(READ ${to}/imsgw.conf.example text)
  string(REPLACE "\nweb_root =" "\nweb_root = ${CMAKE_INSTALL_PREFIX}/share/imsgw/web" text "${text}")
  string(REPLACE "\nconsole_root =" "\nconsole_root = ${CMAKE_INSTALL_PREFIX}/share/imsgw/console" text "${text}")
  string(REPLACE "\nadmin_socket = /run/imsgw.sock" "\nadmin_socket = /run/imsgw/imsgw.sock" text "${text}")
  file(WRITE ${to}/imsgw.conf "${text}")
  file(INSTALL ${to}/imsgw.conf DESTINATION /etc/imsgw)
endif()
